"""The rules a second time, from spec/rules.md alone, to compare every run of the program with."""
