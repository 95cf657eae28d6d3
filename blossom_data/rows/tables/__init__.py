"""Rows of tables: Parquet and Arrow by column, CSV and TSV by line."""
