"""The database: brought to what is declared, and compared with it."""
