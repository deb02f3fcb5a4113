# Logs in with Net::SMTP and Authen::SASL, and sends one message.
use strict;
use warnings;
use Authen::SASL;
use IO::Socket::SSL;
use Net::SMTP;

my ($port, $name, $ca, $door, $tls, $mechanism, $user, $password, $to, $subject) = @ARGV;
my %secured = (
    SSL_ca_file         => $ca,
    SSL_verifycn_name   => $name,
    SSL_hostname        => $name,
    SSL_version         => $tls eq 'TLSv1.2' ? 'TLSv1_2' : 'TLSv1_3',
    # A certificate and its key are in one file.
    ($mechanism eq 'EXTERNAL' ? (SSL_cert_file => $password, SSL_key_file => $password) : ()),
);
my $smtp = Net::SMTP->new(
    '127.0.0.1',
    Port  => $port,
    Hello => 'client.example',
    Debug => 1,
    ($door eq 'implicit' ? (SSL => 1, %secured) : ()),
) or die "no connection: $@";
if ($door eq 'starttls') {
    $smtp->starttls(%secured) or die "STARTTLS: $IO::Socket::SSL::SSL_ERROR";
}
my $sasl = Authen::SASL->new(
    mechanism => $mechanism,
    callback  => { user => $user, authname => '', pass => $password },
    debug     => 0,
);
# The service's host is part of what DIGEST-MD5 and GSSAPI prove.
${*$smtp}{'net_smtp_host'} = $name;
$smtp->auth($sasl) or die 'refused: ' . $smtp->code . ' ' . $smtp->message;
$smtp->mail($user) && $smtp->to($to) && $smtp->data("From: $user\nTo: $to\nSubject: $subject\n\nHello.\n")
    or die 'not sent: ' . $smtp->code . ' ' . $smtp->message;
$smtp->quit;
