"""What plays the payment provider in the demo: the wallet page, the simulator of `simulate_payment`, and the lab.

They sign callbacks and send them the way of every callback; nothing here touches an order directly. The wallet exists only
where PAYMENT_DEMO_WALLET is on. May import: everything of orders but views and admin.
"""
