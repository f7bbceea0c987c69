"""Exchanges: the only importer of ccxt. One folder per exchange; adding an exchange adds a folder and changes no other file."""
