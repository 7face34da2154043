"""The rules of inclusion and the checks of data quality, as plain functions of frozen facts: no Django, no clock."""
