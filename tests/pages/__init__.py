"""Pages: their markup, and what they say."""
