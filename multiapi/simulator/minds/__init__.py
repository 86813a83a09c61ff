"""What a model says and who decides it: values, the way from a request to what is said, and two minds beside the simulated model.

`conversation` holds the values, `saying` the way (tools in prompts, limits, tokens), `prompted` reads what was written into prompts,
`script` is what a test's author decides, `brain` a real model on the machine. The rules of the simulated model are in `model`.
"""
