"""The page kit: forms, lists and charts in the GOV.UK style, without a script. It knows nothing of families."""
