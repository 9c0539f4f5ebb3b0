"""Rows in Apache Cassandra: the driver for any number of servers on many machines.

driver.py        the storage driver: reads; hands commits on
commit.py        the write protocol, and what it consists of
cql.py           every statement
session.py       what the protocol sees of Cassandra
schema.py        the keyspace, its format, and where row tables are

connection.py    the real session
cluster.py       reaches the cluster, or says what an operator has to do
requests.py      one request: direct_messages.py, or the driver's own way
"""
