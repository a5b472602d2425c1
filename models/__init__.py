"""The mathematics: tables in, tables and parameters out. No files, no clock, no Airflow, no engine."""
