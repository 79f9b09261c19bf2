"""Wire clients: bytes ↔ events with time stamps. They know nothing about models, vectors or tables."""
