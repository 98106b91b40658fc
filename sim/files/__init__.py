"""Every file that is opened or written: one gate for reading, one way to write, locks, checksums.

Files come from anybody: a name may be that of a pipe, a device or a link, and a file may be huge, compressed or
damaged. What passes here is a regular file of a bounded size, and what is written goes into no other folder.
"""
