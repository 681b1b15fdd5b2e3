"""Who gets what: every address of the project, every role, GET and POST, with the expected status written down.

An address that is not in the table fails the test, and so does a row whose address is gone.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import Group, User
from django.core import signing
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils.timezone import now

from blog.models import Follow, Post
from config.asgi import application
from config.stage import SALT
from notifications import inbox
from notifications.digests import message
from notifications.models import Digest, Event, Preference, ServerProcess, Subscription
from orders.demo import wallet
from orders.models import Callback, Payment
from tests.support.asgi import Reader, cookies_of, following, in_thread
from tests.support.people import order, person, product

ROLES = ("anonymous", "buyer", "other_buyer", "seller", "other_seller", "follower", "staff", "admin")

# Strangers are led to the log-in page (302), get 401 from the API and 204 from streams; staff without permissions gets 403 in
# the admin; what is not the reader's own is 404. A POST is empty: 400, 415 and 422 mean that it would have been let in.
TABLE = """
/                                                              GET  200 200 200 200 200 200 200 200
/                                                              POST 405 405 405 405 405 405 405 405
accounts/login/                                                GET  200 200 200 200 200 200 200 200
accounts/login/                                                POST 200 200 200 200 200 200 200 200
accounts/logout/                                               GET  405 405 405 405 405 405 405 405
accounts/logout/                                               POST 302 302 302 302 302 302 302 302
admin/login/                                                   GET  302 302 302 302 302 302 302 302
admin/login/                                                   POST 302 302 302 302 302 302 302 302
admin/                                                         GET  302 302 302 302 302 302 200 200
admin/                                                         POST 302 302 302 302 302 302 200 200
admin/logout/                                                  GET  302 302 302 302 302 302 405 405
admin/logout/                                                  POST 302 302 302 302 302 302 302 302
admin/password_change/                                         GET  302 302 302 302 302 302 200 200
admin/password_change/                                         POST 302 302 302 302 302 302 200 200
admin/password_change/done/                                    GET  302 302 302 302 302 302 200 200
admin/password_change/done/                                    POST 302 302 302 302 302 302 405 405
admin/autocomplete/                                            GET  302 302 302 302 302 302 403 403
admin/autocomplete/                                            POST 302 302 302 302 302 302 405 405
admin/jsi18n/                                                  GET  302 302 302 302 302 302 200 200
admin/jsi18n/                                                  POST 302 302 302 302 302 302 405 405
admin/r/<path:content_type_id>/<path:object_id>/               GET  302 302 302 302 302 302 404 404
admin/r/<path:content_type_id>/<path:object_id>/               POST 302 302 302 302 302 302 404 404
admin/auth/group/                                              GET  302 302 302 302 302 302 403 200
admin/auth/group/                                              POST 302 302 302 302 302 302 403 200
admin/auth/group/add/                                          GET  302 302 302 302 302 302 403 200
admin/auth/group/add/                                          POST 302 302 302 302 302 302 403 200
admin/auth/group/<path:object_id>/history/                     GET  302 302 302 302 302 302 403 200
admin/auth/group/<path:object_id>/history/                     POST 302 302 302 302 302 302 403 200
admin/auth/group/<path:object_id>/delete/                      GET  302 302 302 302 302 302 403 200
admin/auth/group/<path:object_id>/delete/                      POST 302 302 302 302 302 302 403 200
admin/auth/group/<path:object_id>/change/                      GET  302 302 302 302 302 302 403 200
admin/auth/group/<path:object_id>/change/                      POST 302 302 302 302 302 302 403 200
admin/auth/group/<path:object_id>/                             GET  302 302 302 302 302 302 302 302
admin/auth/group/<path:object_id>/                             POST 302 302 302 302 302 302 302 302
admin/auth/user/<id>/password/                                 GET  302 302 302 302 302 302 403 200
admin/auth/user/<id>/password/                                 POST 302 302 302 302 302 302 403 200
admin/auth/user/                                               GET  302 302 302 302 302 302 403 200
admin/auth/user/                                               POST 302 302 302 302 302 302 403 200
admin/auth/user/add/                                           GET  302 302 302 302 302 302 403 200
admin/auth/user/add/                                           POST 302 302 302 302 302 302 403 200
admin/auth/user/<path:object_id>/history/                      GET  302 302 302 302 302 302 403 200
admin/auth/user/<path:object_id>/history/                      POST 302 302 302 302 302 302 403 200
admin/auth/user/<path:object_id>/delete/                       GET  302 302 302 302 302 302 403 200
admin/auth/user/<path:object_id>/delete/                       POST 302 302 302 302 302 302 403 200
admin/auth/user/<path:object_id>/change/                       GET  302 302 302 302 302 302 403 200
admin/auth/user/<path:object_id>/change/                       POST 302 302 302 302 302 302 403 200
admin/auth/user/<path:object_id>/                              GET  302 302 302 302 302 302 302 302
admin/auth/user/<path:object_id>/                              POST 302 302 302 302 302 302 302 302
admin/notifications/event/                                     GET  302 302 302 302 302 302 403 200
admin/notifications/event/                                     POST 302 302 302 302 302 302 403 200
admin/notifications/event/<int:pk>/why/                        GET  302 302 302 302 302 302 403 200
admin/notifications/event/<int:pk>/why/                        POST 302 302 302 302 302 302 403 200
admin/notifications/event/add/                                 GET  302 302 302 302 302 302 403 403
admin/notifications/event/add/                                 POST 302 302 302 302 302 302 403 403
admin/notifications/event/<path:object_id>/history/            GET  302 302 302 302 302 302 403 200
admin/notifications/event/<path:object_id>/history/            POST 302 302 302 302 302 302 403 200
admin/notifications/event/<path:object_id>/delete/             GET  302 302 302 302 302 302 403 403
admin/notifications/event/<path:object_id>/delete/             POST 302 302 302 302 302 302 403 403
admin/notifications/event/<path:object_id>/change/             GET  302 302 302 302 302 302 403 200
admin/notifications/event/<path:object_id>/change/             POST 302 302 302 302 302 302 403 403
admin/notifications/event/<path:object_id>/                    GET  302 302 302 302 302 302 302 302
admin/notifications/event/<path:object_id>/                    POST 302 302 302 302 302 302 302 302
admin/notifications/subscription/                              GET  302 302 302 302 302 302 403 200
admin/notifications/subscription/                              POST 302 302 302 302 302 302 403 200
admin/notifications/subscription/add/                          GET  302 302 302 302 302 302 403 403
admin/notifications/subscription/add/                          POST 302 302 302 302 302 302 403 403
admin/notifications/subscription/<path:object_id>/history/     GET  302 302 302 302 302 302 403 200
admin/notifications/subscription/<path:object_id>/history/     POST 302 302 302 302 302 302 403 200
admin/notifications/subscription/<path:object_id>/delete/      GET  302 302 302 302 302 302 403 403
admin/notifications/subscription/<path:object_id>/delete/      POST 302 302 302 302 302 302 403 403
admin/notifications/subscription/<path:object_id>/change/      GET  302 302 302 302 302 302 403 200
admin/notifications/subscription/<path:object_id>/change/      POST 302 302 302 302 302 302 403 403
admin/notifications/subscription/<path:object_id>/             GET  302 302 302 302 302 302 302 302
admin/notifications/subscription/<path:object_id>/             POST 302 302 302 302 302 302 302 302
admin/notifications/preference/                                GET  302 302 302 302 302 302 403 200
admin/notifications/preference/                                POST 302 302 302 302 302 302 403 200
admin/notifications/preference/add/                            GET  302 302 302 302 302 302 403 403
admin/notifications/preference/add/                            POST 302 302 302 302 302 302 403 403
admin/notifications/preference/<path:object_id>/history/       GET  302 302 302 302 302 302 403 200
admin/notifications/preference/<path:object_id>/history/       POST 302 302 302 302 302 302 403 200
admin/notifications/preference/<path:object_id>/delete/        GET  302 302 302 302 302 302 403 403
admin/notifications/preference/<path:object_id>/delete/        POST 302 302 302 302 302 302 403 403
admin/notifications/preference/<path:object_id>/change/        GET  302 302 302 302 302 302 403 200
admin/notifications/preference/<path:object_id>/change/        POST 302 302 302 302 302 302 403 403
admin/notifications/preference/<path:object_id>/               GET  302 302 302 302 302 302 302 302
admin/notifications/preference/<path:object_id>/               POST 302 302 302 302 302 302 302 302
admin/notifications/digest/                                    GET  302 302 302 302 302 302 403 200
admin/notifications/digest/                                    POST 302 302 302 302 302 302 403 200
admin/notifications/digest/add/                                GET  302 302 302 302 302 302 403 403
admin/notifications/digest/add/                                POST 302 302 302 302 302 302 403 403
admin/notifications/digest/<path:object_id>/history/           GET  302 302 302 302 302 302 403 200
admin/notifications/digest/<path:object_id>/history/           POST 302 302 302 302 302 302 403 200
admin/notifications/digest/<path:object_id>/delete/            GET  302 302 302 302 302 302 403 403
admin/notifications/digest/<path:object_id>/delete/            POST 302 302 302 302 302 302 403 403
admin/notifications/digest/<path:object_id>/change/            GET  302 302 302 302 302 302 403 200
admin/notifications/digest/<path:object_id>/change/            POST 302 302 302 302 302 302 403 403
admin/notifications/digest/<path:object_id>/                   GET  302 302 302 302 302 302 302 302
admin/notifications/digest/<path:object_id>/                   POST 302 302 302 302 302 302 302 302
admin/notifications/serverprocess/                             GET  302 302 302 302 302 302 403 200
admin/notifications/serverprocess/                             POST 302 302 302 302 302 302 403 200
admin/notifications/serverprocess/add/                         GET  302 302 302 302 302 302 403 403
admin/notifications/serverprocess/add/                         POST 302 302 302 302 302 302 403 403
admin/notifications/serverprocess/<path:object_id>/history/    GET  302 302 302 302 302 302 403 200
admin/notifications/serverprocess/<path:object_id>/history/    POST 302 302 302 302 302 302 403 200
admin/notifications/serverprocess/<path:object_id>/delete/     GET  302 302 302 302 302 302 403 403
admin/notifications/serverprocess/<path:object_id>/delete/     POST 302 302 302 302 302 302 403 403
admin/notifications/serverprocess/<path:object_id>/change/     GET  302 302 302 302 302 302 403 200
admin/notifications/serverprocess/<path:object_id>/change/     POST 302 302 302 302 302 302 403 403
admin/notifications/serverprocess/<path:object_id>/            GET  302 302 302 302 302 302 302 302
admin/notifications/serverprocess/<path:object_id>/            POST 302 302 302 302 302 302 302 302
admin/orders/product/                                          GET  302 302 302 302 302 302 403 200
admin/orders/product/                                          POST 302 302 302 302 302 302 403 200
admin/orders/product/add/                                      GET  302 302 302 302 302 302 403 200
admin/orders/product/add/                                      POST 302 302 302 302 302 302 403 200
admin/orders/product/<path:object_id>/history/                 GET  302 302 302 302 302 302 403 200
admin/orders/product/<path:object_id>/history/                 POST 302 302 302 302 302 302 403 200
admin/orders/product/<path:object_id>/delete/                  GET  302 302 302 302 302 302 403 200
admin/orders/product/<path:object_id>/delete/                  POST 302 302 302 302 302 302 403 200
admin/orders/product/<path:object_id>/change/                  GET  302 302 302 302 302 302 403 200
admin/orders/product/<path:object_id>/change/                  POST 302 302 302 302 302 302 403 200
admin/orders/product/<path:object_id>/                         GET  302 302 302 302 302 302 302 302
admin/orders/product/<path:object_id>/                         POST 302 302 302 302 302 302 302 302
admin/orders/order/                                            GET  302 302 302 302 302 302 403 200
admin/orders/order/                                            POST 302 302 302 302 302 302 403 200
admin/orders/order/add/                                        GET  302 302 302 302 302 302 403 200
admin/orders/order/add/                                        POST 302 302 302 302 302 302 403 200
admin/orders/order/<path:object_id>/history/                   GET  302 302 302 302 302 302 403 200
admin/orders/order/<path:object_id>/history/                   POST 302 302 302 302 302 302 403 200
admin/orders/order/<path:object_id>/delete/                    GET  302 302 302 302 302 302 403 200
admin/orders/order/<path:object_id>/delete/                    POST 302 302 302 302 302 302 403 200
admin/orders/order/<path:object_id>/change/                    GET  302 302 302 302 302 302 403 200
admin/orders/order/<path:object_id>/change/                    POST 302 302 302 302 302 302 403 200
admin/orders/order/<path:object_id>/                           GET  302 302 302 302 302 302 302 302
admin/orders/order/<path:object_id>/                           POST 302 302 302 302 302 302 302 302
admin/orders/payment/                                          GET  302 302 302 302 302 302 403 200
admin/orders/payment/                                          POST 302 302 302 302 302 302 403 200
admin/orders/payment/add/                                      GET  302 302 302 302 302 302 403 403
admin/orders/payment/add/                                      POST 302 302 302 302 302 302 403 403
admin/orders/payment/<path:object_id>/history/                 GET  302 302 302 302 302 302 403 200
admin/orders/payment/<path:object_id>/history/                 POST 302 302 302 302 302 302 403 200
admin/orders/payment/<path:object_id>/delete/                  GET  302 302 302 302 302 302 403 403
admin/orders/payment/<path:object_id>/delete/                  POST 302 302 302 302 302 302 403 403
admin/orders/payment/<path:object_id>/change/                  GET  302 302 302 302 302 302 403 200
admin/orders/payment/<path:object_id>/change/                  POST 302 302 302 302 302 302 403 403
admin/orders/payment/<path:object_id>/                         GET  302 302 302 302 302 302 302 302
admin/orders/payment/<path:object_id>/                         POST 302 302 302 302 302 302 302 302
admin/orders/callback/                                         GET  302 302 302 302 302 302 403 200
admin/orders/callback/                                         POST 302 302 302 302 302 302 403 200
admin/orders/callback/add/                                     GET  302 302 302 302 302 302 403 403
admin/orders/callback/add/                                     POST 302 302 302 302 302 302 403 403
admin/orders/callback/<path:object_id>/history/                GET  302 302 302 302 302 302 403 200
admin/orders/callback/<path:object_id>/history/                POST 302 302 302 302 302 302 403 200
admin/orders/callback/<path:object_id>/delete/                 GET  302 302 302 302 302 302 403 403
admin/orders/callback/<path:object_id>/delete/                 POST 302 302 302 302 302 302 403 403
admin/orders/callback/<path:object_id>/change/                 GET  302 302 302 302 302 302 403 200
admin/orders/callback/<path:object_id>/change/                 POST 302 302 302 302 302 302 403 403
admin/orders/callback/<path:object_id>/                        GET  302 302 302 302 302 302 302 302
admin/orders/callback/<path:object_id>/                        POST 302 302 302 302 302 302 302 302
admin/blog/post/                                               GET  302 302 302 302 302 302 403 200
admin/blog/post/                                               POST 302 302 302 302 302 302 403 200
admin/blog/post/add/                                           GET  302 302 302 302 302 302 403 200
admin/blog/post/add/                                           POST 302 302 302 302 302 302 403 200
admin/blog/post/<path:object_id>/history/                      GET  302 302 302 302 302 302 403 200
admin/blog/post/<path:object_id>/history/                      POST 302 302 302 302 302 302 403 200
admin/blog/post/<path:object_id>/delete/                       GET  302 302 302 302 302 302 403 200
admin/blog/post/<path:object_id>/delete/                       POST 302 302 302 302 302 302 403 200
admin/blog/post/<path:object_id>/change/                       GET  302 302 302 302 302 302 403 200
admin/blog/post/<path:object_id>/change/                       POST 302 302 302 302 302 302 403 200
admin/blog/post/<path:object_id>/                              GET  302 302 302 302 302 302 302 302
admin/blog/post/<path:object_id>/                              POST 302 302 302 302 302 302 302 302
admin/blog/follow/                                             GET  302 302 302 302 302 302 403 200
admin/blog/follow/                                             POST 302 302 302 302 302 302 403 200
admin/blog/follow/add/                                         GET  302 302 302 302 302 302 403 200
admin/blog/follow/add/                                         POST 302 302 302 302 302 302 403 200
admin/blog/follow/<path:object_id>/history/                    GET  302 302 302 302 302 302 403 200
admin/blog/follow/<path:object_id>/history/                    POST 302 302 302 302 302 302 403 200
admin/blog/follow/<path:object_id>/delete/                     GET  302 302 302 302 302 302 403 200
admin/blog/follow/<path:object_id>/delete/                     POST 302 302 302 302 302 302 403 200
admin/blog/follow/<path:object_id>/change/                     GET  302 302 302 302 302 302 403 200
admin/blog/follow/<path:object_id>/change/                     POST 302 302 302 302 302 302 403 200
admin/blog/follow/<path:object_id>/                            GET  302 302 302 302 302 302 302 302
admin/blog/follow/<path:object_id>/                            POST 302 302 302 302 302 302 302 302
admin/^(?P<app_label>auth|notifications|orders|blog)/$         GET  302 302 302 302 302 302 404 200
admin/^(?P<app_label>auth|notifications|orders|blog)/$         POST 302 302 302 302 302 302 404 200
admin/(?P<url>.*)$                                             GET  302 302 302 302 302 302 404 404
admin/(?P<url>.*)$                                             POST 302 302 302 302 302 302 404 404
api/openapi.json                                               GET  200 200 200 200 200 200 200 200
api/openapi.json                                               POST 200 200 200 200 200 200 200 200
api/docs                                                       GET  200 200 200 200 200 200 200 200
api/docs                                                       POST 200 200 200 200 200 200 200 200
api/inbox                                                      GET  401 200 200 200 200 200 200 200
api/inbox                                                      POST 405 405 405 405 405 405 405 405
api/unread                                                     GET  401 200 200 200 200 200 200 200
api/unread                                                     POST 401 422 422 422 422 422 422 422
api/events                                                     GET  401 422 422 422 422 422 422 422
api/events                                                     POST 405 405 405 405 405 405 405 405
api/read                                                       GET  405 405 405 405 405 405 405 405
api/read                                                       POST 401 422 422 422 422 422 422 422
api/dismiss                                                    GET  405 405 405 405 405 405 405 405
api/dismiss                                                    POST 401 422 422 422 422 422 422 422
api/preferences                                                GET  401 200 200 200 200 200 200 200
api/preferences                                                POST 405 405 405 405 405 405 405 405
api/mute                                                       GET  405 405 405 405 405 405 405 405
api/mute                                                       POST 401 422 422 422 422 422 422 422
api/                                                           GET  404 404 404 404 404 404 404 404
api/                                                           POST 404 404 404 404 404 404 404 404
demo/                                                          GET  404 404 404 404 404 404 404 404
demo/                                                          POST 405 405 405 405 405 405 405 405
demo/enter/<str:token>/                                        GET  404 404 404 404 404 404 404 404
demo/enter/<str:token>/                                        POST 405 405 405 405 405 405 405 405
demo/happen/                                                   GET  405 405 405 405 405 405 405 405
demo/happen/                                                   POST 404 404 404 404 404 404 404 404
healthz                                                        GET  200 200 200 200 200 200 200 200
healthz                                                        POST 405 405 405 405 405 405 405 405
readyz                                                         GET  200 200 200 200 200 200 200 200
readyz                                                         POST 405 405 405 405 405 405 405 405
metrics                                                        GET  200 200 200 200 200 200 200 200
metrics                                                        POST 405 405 405 405 405 405 405 405
i18n/setlang/                                                  GET  302 302 302 302 302 302 302 302
i18n/setlang/                                                  POST 302 302 302 302 302 302 302 302
notifications/                                                 GET  302 200 200 200 200 200 200 200
notifications/                                                 POST 405 405 405 405 405 405 405 405
notifications/read/                                            GET  405 405 405 405 405 405 405 405
notifications/read/                                            POST 302 302 302 302 302 302 302 302
notifications/change/                                          GET  405 405 405 405 405 405 405 405
notifications/change/                                          POST 302 400 400 400 400 400 400 400
notifications/mute/                                            GET  405 405 405 405 405 405 405 405
notifications/mute/                                            POST 302 400 400 400 400 400 400 400
notifications/preferences/                                     GET  302 200 200 200 200 200 200 200
notifications/preferences/                                     POST 302 302 302 302 302 302 302 302
notifications/unsubscribe/<str:token>/                         GET  200 200 200 200 200 200 200 200
notifications/unsubscribe/<str:token>/                         POST 200 200 200 200 200 200 200 200
notifications/<int:position>/read/                             GET  405 405 405 405 405 405 405 405
notifications/<int:position>/read/                             POST 302 404 404 302 404 404 404 404
products/                                                      GET  302 200 200 200 200 200 200 200
products/                                                      POST 405 405 405 405 405 405 405 405
products/<int:pk>/order/                                       GET  405 405 405 405 405 405 405 405
products/<int:pk>/order/                                       POST 302 302 302 302 302 302 302 302
orders/                                                        GET  302 200 200 200 200 200 200 200
orders/                                                        POST 405 405 405 405 405 405 405 405
orders/<int:number>/                                           GET  302 200 404 200 404 404 404 404
orders/<int:number>/                                           POST 405 405 405 405 405 405 405 405
orders/<int:number>/pay/                                       GET  302 200 404 404 404 404 404 404
orders/<int:number>/pay/                                       POST 405 405 405 405 405 405 405 405
orders/<int:number>/done/                                      GET  302 302 404 404 404 404 404 404
orders/<int:number>/done/                                      POST 405 405 405 405 405 405 405 405
sales/                                                         GET  302 200 200 200 200 200 200 200
sales/                                                         POST 405 405 405 405 405 405 405 405
pay/<str:token>/                                               GET  200 200 200 200 200 200 200 200
pay/<str:token>/                                               POST 400 400 400 400 400 400 400 400
payments/callback/                                             GET  405 405 405 405 405 405 405 405
payments/callback/                                             POST 415 415 415 415 415 415 415 415
payments/callback/<str:provider>/                              GET  405 405 405 405 405 405 405 405
payments/callback/<str:provider>/                              POST 404 404 404 404 404 404 404 404
posts/                                                         GET  200 200 200 200 200 200 200 200
posts/                                                         POST 405 405 405 405 405 405 405 405
posts/<int:pk>/                                                GET  200 200 200 200 200 200 200 200
posts/<int:pk>/                                                POST 405 405 405 405 405 405 405 405
authors/<str:username>/                                        GET  200 200 200 200 200 200 200 200
authors/<str:username>/                                        POST 405 405 405 405 405 405 405 405
authors/<str:username>/follow/                                 GET  405 405 405 405 405 405 405 405
authors/<str:username>/follow/                                 POST 302 302 302 302 302 302 302 302
authors/<str:username>/unfollow/                               GET  405 405 405 405 405 405 405 405
authors/<str:username>/unfollow/                               POST 302 302 302 302 302 302 302 302
events/                                                        GET  204 200 200 200 200 200 200 200
events/                                                        POST 405 405 405 405 405 405 405 405
operators/events/                                              GET  204 403 403 403 403 403 403 200
operators/events/                                              POST 405 405 405 405 405 405 405 405
orders/<int:number>/events/                                    GET  204 200 404 404 404 404 404 404
orders/<int:number>/events/                                    POST 405 405 405 405 405 405 405 405
"""


@dataclass
class Cast:
    """Everybody, and one of everything: an order of the buyer with the seller, a post that the follower was told of."""

    people: dict[str, User]
    paths: dict[str, str]


def patterns(found: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[str]:
    """The addresses that Django knows."""
    for each in found:
        if isinstance(each, URLResolver):
            yield from patterns(each.url_patterns, prefix + str(each.pattern))
        else:
            yield prefix + str(each.pattern)


def streams() -> set[str]:
    """The addresses that ASGI answers before Django."""
    routes = application.application_mapping["http"].routes
    return {str(route.pattern) for route in routes} - {""}


def rows() -> dict[tuple[str, str], list[int]]:
    """The table: address and method → statuses by role."""
    found = {}
    for line in TABLE.strip().splitlines():
        address, method, *statuses = line.split()
        found[address, method] = [int(status) for status in statuses]
    return found


@pytest.fixture
def cast(settings) -> Cast:
    # The matrix is long, and the machine may be slow.
    settings.PAYMENT_WINDOW_SECONDS = 3600
    people = {name: person(name) for name in ROLES if name != "anonymous"}
    User.objects.filter(username__in=["staff", "admin"]).update(is_staff=True)
    User.objects.filter(username="admin").update(is_superuser=True)
    people = {name: User.objects.get(pk=user.pk) for name, user in people.items()}
    author = person("author")
    Follow.objects.create(follower=people["follower"], author=author)
    mug = product(people["seller"])
    product(people["other_seller"])
    placed = order(people["buyer"], mug)
    post = Post.objects.create(author=author, title="News", status=Post.Status.PUBLISHED)
    reported = {"report_id": "r", "outcome": "failed", "amount": "1", "currency": "EUR"}
    objects = {
        "auth/group": Group.objects.create(name="some"),
        "auth/user": author,
        "notifications/event": inbox.items(people["seller"]).first(),
        "notifications/subscription": Subscription.objects.first(),
        "notifications/preference": Preference.objects.create(user=author),
        "notifications/serverprocess": ServerProcess.objects.create(name="a", started_at=now(), reported_at=now()),
        "notifications/digest": Digest.objects.create(user=author),
        "orders/product": mug,
        "orders/order": placed,
        "orders/payment": Payment.objects.create(order=placed, **reported),
        "orders/callback": Callback.objects.create(provider="standard", source="x", body="", outcome="x", status=200),
        "blog/post": post,
        "blog/follow": Follow.objects.first(),
    }
    assert all(objects.values())
    paths = {f"admin/{name}/<path:object_id>/": f"admin/{name}/{found.pk}/" for name, found in objects.items() if found}
    told = inbox.items(people["seller"]).first()
    paths |= {
        "admin/notifications/event/<int:pk>/": f"admin/notifications/event/{Event.objects.values_list('pk', flat=True)[0]}/",
        "admin/auth/user/<id>/": f"admin/auth/user/{author.pk}/",
        "<path:content_type_id>/<path:object_id>": "1/1",
        "^(?P<app_label>auth|notifications|orders|blog)/$": "orders/",
        "(?P<url>.*)$": "nothing/",
        "products/<int:pk>/": f"products/{mug.pk}/",
        "posts/<int:pk>/": f"posts/{post.pk}/",
        "<int:number>": str(placed.number),
        "<int:position>": str(told.position if told else 1),
        "<str:username>": "author",
        "unsubscribe/<str:token>": f"unsubscribe/{message.token(author)}",
        "pay/<str:token>": f"pay/{wallet.token(placed)}",
        "enter/<str:token>": f"enter/{signing.dumps('buyer', salt=SALT)}",
        "<str:provider>": "alipay",
    }
    return Cast(people, paths)


def path_of(cast: Cast, address: str) -> str:
    for pattern, path in cast.paths.items():
        address = address.replace(pattern, path)
    assert not {"<", "("} & set(address), f"{address}: say in `cast` what stands there"
    return f"/{address}"


def asked(cast: Cast, address: str, method: str, role: str) -> int:
    """The status of one request, whose effects are undone."""
    client = Client(raise_request_exception=False)
    with transaction.atomic():
        if role != "anonymous":
            client.force_login(cast.people[role])
        status = client.generic(method, path_of(cast, address)).status_code
        transaction.set_rollback(True)
    return status


def test_every_address_has_its_rows_and_every_row_its_address():
    known = {*patterns(get_resolver().url_patterns), *streams()}
    assert {(address or "/", method) for address in known for method in ("GET", "POST")} == set(rows())
    assert all(len(statuses) == len(ROLES) for statuses in rows().values())


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_every_role_gets_what_the_table_says(cast: Cast):
    found = {
        (address, method): [asked(cast, address.removeprefix("/"), method, role) for role in ROLES]
        for address, method in rows()
        if address not in streams()
    }
    wrong = {
        f"{method} {address} as {role}": f"{status}, expected {expected}"
        for (address, method), statuses in found.items()
        for role, status, expected in zip(ROLES, statuses, rows()[address, method], strict=True)
        if status != expected
    }
    assert not wrong


@pytest.mark.django_db(transaction=True)
def test_every_role_gets_the_streams_that_the_table_says(cast: Cast):
    async def statuses(address: str, method: str) -> list[int]:
        found = []
        for role in ROLES:
            cookie = b"" if role == "anonymous" else await in_thread(cookies_of, cast.people[role])
            reader = await Reader(application, path_of(cast, address), cookie, method=method).opened()
            await reader.leave()
            found.append(reader.status)
        return found

    async def main() -> dict[tuple[str, str], list[int]]:
        async with following():
            return {row: await statuses(*row) for row in rows() if row[0] in streams()}

    found = asyncio.run(main())
    assert {address for address, _method in found} == streams()
    assert found == {row: rows()[row] for row in found}
