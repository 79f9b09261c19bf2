"""The nouns: frozen dataclasses and one mutable record (Operation). No input or output happens here."""
