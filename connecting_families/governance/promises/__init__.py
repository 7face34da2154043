"""The promises of the privacy notice: each with the control that keeps it, its evidence now, and a check of it.

A check reads the records anew, set-wise, and returns reasons; nothing means that the promise is kept. No reason names a
person: it speaks in codes, counts, and references of submissions, agreements, roles and pages. `table` has them all.
"""
