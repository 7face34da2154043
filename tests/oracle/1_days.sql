-- The days by which the round and the run are read (spec/rules.md, "Two clocks").
SELECT (%(run_at)s AT TIME ZONE 'Europe/London')::date AS run_day,
       %(cut_off)s - %(notice_days)s AS notice_by,
       -- Taking years from the cut-off, clipped to the month's end, is the same as adding them to a birthday that
       -- falls on 1 March where there is no 29 February: younger than n is born after this day.
       (%(cut_off)s - INTERVAL '16 years')::date AS sixteen_by,
       (%(cut_off)s - INTERVAL '19 years')::date AS nineteen_by,
       array_to_string(%(datasets)s::text[], ';') AS every_dataset;
