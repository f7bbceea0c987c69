"""Files that people fill in, as plain rows of text: the only importer of pandas and openpyxl, and it imports them when a file is there.

What a row means is no business of this room; that each cell says exactly what stands in the file is.
"""

from metrifly_pipeline.spreadsheets.files import SpreadsheetFiles

__all__ = ["SpreadsheetFiles"]
