"""Values: how a value, a key and a row are written as SQL and JSON, and read again."""
