"""The catalog, on SQLite and on PostgreSQL."""
