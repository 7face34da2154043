-- Dates as ISO 8601 writes them; and for this transaction alone, memory for one great sort, no compiling of what runs
-- once, and statistics of a smaller sample (the tables below are plain).
SET LOCAL datestyle = ISO;
SET LOCAL work_mem = '128MB';
SET LOCAL jit = off;
SET LOCAL default_statistics_target = 20;
