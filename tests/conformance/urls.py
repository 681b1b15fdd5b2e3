from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from notifications import log


@csrf_exempt
@require_POST
def publish(request: HttpRequest) -> HttpResponse:
    """Appends the body as it is, for the reader of the suite."""
    reader = User.objects.get(username="buyer")
    log.append(f"seller:{reader.pk}", "conformance.text", request.body.decode())
    return HttpResponse(status=204)


urlpatterns = [path("conformance/publish/", publish), path("", include("config.urls"))]
