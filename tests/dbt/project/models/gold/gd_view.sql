{{ config(materialized='view') }}
select count(*) as customers from {{ ref('gd_customers') }}
