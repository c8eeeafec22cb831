"""Declaring: what a project says of its models, and what becomes of it before there is a database."""
