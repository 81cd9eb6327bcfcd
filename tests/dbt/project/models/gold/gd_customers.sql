select customer_id, sum(amount) as spent from {{ ref('sl_orders') }} group by customer_id
