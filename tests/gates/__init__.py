"""The gates of transfers: walked at random, raced by two, and killed in the middle; nothing gets past them."""
