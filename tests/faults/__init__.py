"""What goes wrong around the program, and what is lost: nothing."""
