"""All SQL: tables, transactions, queries, migrations."""
