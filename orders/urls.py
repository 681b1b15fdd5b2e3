"""URLs of the shop. config/asgi.py mounts the payment stream; its entry here is for reverse()."""

from django.urls import path

from notifications.views import stream_elsewhere
from orders import views

app_name = "orders"

urlpatterns = [
    path("products/", views.products, name="products"),
    path("products/<int:pk>/order/", views.place, name="place"),
    path("orders/", views.mine, name="mine"),
    path("orders/<int:number>/", views.detail, name="detail"),
    path("orders/<int:number>/pay/", views.pay, name="pay"),
    path("orders/<int:number>/done/", views.outcome, name="outcome"),
    path("orders/<int:number>/cancel/", views.cancel_order, name="cancel"),
    path("orders/<int:number>/refund/", views.refund_order, name="refund"),
    path("orders/<int:number>/payments/<int:pk>/refund/", views.refund_late_payment, name="refund_payment"),
    path("orders/<int:number>/events/", stream_elsewhere, name="stream"),
    path("sales/", views.sales, name="sales"),
    path("pay/<str:token>/", views.wallet_page, name="wallet"),
    path("payments/callback/", views.callback, name="callback"),
    path("payments/callback/<str:provider>/", views.callback, name="callback_of"),
]
