"""The language every other room speaks: brief, evidence, document, template, slots, checks, exports.

Pure functions over typed data; nothing here opens a network connection, loads a model or needs a database.
"""
