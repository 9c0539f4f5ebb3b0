"""Rows in Apache Cassandra: the driver for one service on many machines.

driver.py        the storage driver: reads; hands commits on
commit.py        the write protocol
cql.py           every statement
session.py       what the protocol sees of Cassandra; connection.py is the real one
schema.py        the keyspace, its format, and where row tables are
"""
