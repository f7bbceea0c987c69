"""The command line: parse, call a service, print. One file per family of commands; nothing here decides anything about data."""
