"""DynamoDB's nouns: values, items, keys, rows, tables. Pure; no I/O."""
