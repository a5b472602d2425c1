"""What people and schedulers run: the command line, the steps of a night, notices, the demo and the benchmark.

May import everything else; only the DAGs import it.
Start at nightly (the steps of a night), then cli (commands) and airflow_process (the DAG without a scheduler).
check/ reads a landing folder before its night.
"""
