"""What the program is measured against: peers that do the same work beside it, in the same run (`make bench`)."""
