"""The papers as a table: a row for each of their figures and tables, with the page, the analyses and the command that make it here."""
