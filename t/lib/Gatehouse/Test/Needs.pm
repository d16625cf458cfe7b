package Gatehouse::Test::Needs;

use strict;
use warnings;

use File::Compare ();

=head1 NAME

Gatehouse::Test::Needs - what a machine may lack, and the rest be tested

=head1 SYNOPSIS

    use Gatehouse::Test needs => 'provider browser';    # or all is skipped

    SKIP: {
        my $why = Gatehouse::Test::Needs::lacking('browser');
        skip $why, 2 if $why;
        ...
    }

=head1 DESCRIPTION

=over

=item lacking(@what)

says in one line which of them are not here and how to get them; nothing if
all are. There are: C<provider> (npm's C<oidc-provider> in the build),
C<browser> (a Chromium), C<glewlwyd>.

=back

=cut

my %HERE = (
    provider => \&has_provider,
    browser  => sub { eval { require Gatehouse::Test::Browser;
                             Gatehouse::Test::Browser::program() } },
    glewlwyd => sub { grep { -x "$_/glewlwyd" } split /:/, $ENV{PATH} },
);
my %HOW = (
    provider => 'no provider to log in at: make testing fetches it with npm',
    browser  => 'no browser to test with: apt-get install chromium',
    glewlwyd => 'no glewlwyd: apt-get install glewlwyd',
);


sub has_provider {
    my $lock = '/examples/provider/package-lock.json';

    return File::Compare::compare(
        Gatehouse::Test::root() . $lock,
        Gatehouse::Test::build() . '/provider/installed') == 0;
}


sub lacking {
    my (@what) = @_;

    return join '; ', map { $HOW{$_} } grep {
        ($HERE{$_} || die "nobody knows how to need \"$_\"\n") && !$HERE{$_}()
    } @what;
}

1;
