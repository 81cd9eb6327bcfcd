select n as order_id, n % 97 as customer_id, n * 1.5 as amount
from generate_series(1, {{ var('orders') }}) as n
