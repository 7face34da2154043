"""Subject access: all that is held and was sent about one person, for information governance to hand over."""
