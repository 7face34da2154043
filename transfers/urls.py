"""Addresses of agreements, submissions and certificates."""

from django.urls import path

from transfers.views import agreements, approval, certificates, explanations, proof, receipts, submissions, withdrawals

urlpatterns = [
    path("registers/agreements/", agreements.agreements, name="agreements"),
    path("registers/agreements/add/", agreements.add_agreement, name="add_agreement"),
    path("registers/agreements/<int:number>/", agreements.agreement, name="agreement"),
    path("registers/agreements/<int:number>/end/", agreements.end_agreement, name="end_agreement"),
    path("submissions/", submissions.submissions, name="submissions"),
    path("submissions/draft/<int:cohort>/", submissions.draft, name="draft"),
    path("submissions/<str:name>/", submissions.submission, name="submission"),
    path("submissions/<str:name>/explain/", explanations.explain, name="explain"),
    path("submissions/<str:name>/explain/<str:code>/", explanations.explain_people, name="explain_people"),
    path("submissions/<str:name>/explain/<str:code>/one/", explanations.explain_one, name="explain_one"),
    path("submissions/<str:name>/put-forward/", submissions.put_forward, name="put_forward"),
    path("submissions/<str:name>/take-up-again/", submissions.take_up_again, name="take_up_again"),
    path("submissions/<str:name>/sample/", approval.sample, name="sample"),
    path("submissions/<str:name>/approve/", approval.approve, name="approve"),
    path("submissions/<str:name>/send-back/", approval.send_back, name="send_back"),
    path("submissions/<str:name>/seal/", approval.seal, name="seal"),
    path("submissions/<str:name>/deliver/", approval.deliver, name="deliver"),
    path("submissions/<str:name>/receipt/", receipts.take_in, name="take_in_receipt"),
    path("submissions/<str:name>/rejected/", receipts.rejected, name="rejected"),
    path("submissions/<str:name>/proof/", proof.proof, name="proof"),
    path("submissions/<str:name>/proof.zip", proof.proof_file, name="proof_file"),
    path("withdrawals/", withdrawals.withdrawals, name="withdrawals"),
    path("withdrawals/<str:name>/", withdrawals.withdrawal, name="withdrawal"),
    path("withdrawals/<str:name>/try-again/", withdrawals.try_again, name="try_withdrawal"),
    path("withdrawals/<str:name>/receipt/", withdrawals.acknowledge, name="acknowledge"),
    path("certificates/", certificates.certificates, name="certificates"),
    path("certificates/add/", certificates.add, name="add_certificate"),
    path("certificates/<int:number>/revoke/", certificates.revoke, name="revoke_certificate"),
    path("certificates/accept/", certificates.accept, name="accept_certificate"),
]
