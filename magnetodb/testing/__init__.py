"""For those who test programs that use DynamoDB: the server inside the test process, and fixtures of pytest."""
