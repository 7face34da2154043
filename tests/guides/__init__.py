"""The pages in docs/ that somebody follows with a terminal, followed: the commands are read out of the page itself.

What stands in a page between ```sh and ``` is run, block after block, in a shell; what stands indented is shown and not
run. No Docker engine is at hand: `docker compose` is docker.py, which starts each service as a process.
"""
