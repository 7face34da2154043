-- TF, expanded Troubled Families, by hand from spec/data.md: indicator, headline problem, look-back in months.
VALUES
    ('TF1.1', 'TF1', 12), ('TF1.2', 'TF1', 12), ('TF1.3', 'TF1', NULL),
    ('TF1.4', 'TF1', NULL), ('TF1.5', 'TF1', NULL), ('TF1.6', 'TF1', NULL),

    ('TF2.1', 'TF2', 12), ('TF2.2', 'TF2', 12), ('TF2.3', 'TF2', 12),
    ('TF2.4', 'TF2', NULL), ('TF2.5', 'TF2', NULL), ('TF2.6', 'TF2', NULL),

    ('TF3.1', 'TF3', NULL), ('TF3.2', 'TF3', NULL), ('TF3.3', 'TF3', NULL), ('TF3.4', 'TF3', NULL),
    ('TF3.5', 'TF3', NULL), ('TF3.6', 'TF3', NULL), ('TF3.7', 'TF3', 12), ('TF3.8', 'TF3', NULL),

    ('TF4.1', 'TF4', NULL), ('TF4.2', 'TF4', NULL), ('TF4.3', 'TF4', NULL), ('TF4.4', 'TF4', NULL),
    ('TF4.5', 'TF4', NULL),

    ('TF5.1', 'TF5', NULL), ('TF5.2', 'TF5', 12), ('TF5.3', 'TF5', 12),

    ('TF6.1', 'TF6', NULL), ('TF6.2', 'TF6', NULL), ('TF6.3', 'TF6', NULL), ('TF6.4', 'TF6', NULL);
