from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django_eventstream import send_event
from plain.urls import urlpatterns as plain  # type: ignore[import-not-found]  # it is on the path where it runs


@csrf_exempt
def publish(request: HttpRequest) -> HttpResponse:
    """Sends the body as it is."""
    send_event("author", "message", request.body.decode(), json_encode=False)
    return HttpResponse(status=204)


urlpatterns = [path("conformance/publish/", publish), *plain]
