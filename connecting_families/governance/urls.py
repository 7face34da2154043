"""Addresses of information governance."""

from django.urls import path

from connecting_families.governance import views

urlpatterns = [
    path("trail/", views.trail_list, name="trail"),
    path("trail/<int:number>/", views.entry, name="trail_entry"),
]
