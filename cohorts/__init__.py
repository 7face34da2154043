"""Cohorts: from a family to who may be sent, and why.

    family → flag → notice, consent, objection → cohort

Early Help records families, their problems, and what they were told and wish (families, people, notices, consent,
objections); bulk files bring the same from the case system (loading). The data team opens a round (rounds), and a run
asks the rules about every family as at its cut-off and freezes every decision with its reasons (assembly), so that it
can be asked again (replay). What happens to a cohort afterwards is not known here: transfers asks (queries).
"""
