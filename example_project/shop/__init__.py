"""A record shop: customers order music; every change is captured."""
