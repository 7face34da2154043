"""Staff: the people who use the program and what each may do."""
