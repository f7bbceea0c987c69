"""Files that people fill in, as plain rows of text: the only importer of openpyxl, and it imports it when a file is there.

What a row means is no business of this room; that each cell says exactly what stands in the file is.
"""

from metrifly_pipeline.spreadsheets.files import SpreadsheetFiles

__all__ = ["SpreadsheetFiles"]
