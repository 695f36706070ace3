// Where this page came from matters for what it can promise: say so.

/** The origin that served this page, unless the page names another. */
export function serviceOfPage(): string {
  const named = document
    .querySelector<HTMLMetaElement>('meta[name="sealchat-service"]')
    ?.content.trim();

  return named || location.origin;
}

export function isHostedElsewhere(): boolean {
  return new URL(serviceOfPage()).origin !== location.origin;
}

export function HostedLabel({ service }: { service: string }) {
  if (location.origin !== service) {
    return (
      <p class="hosted">
        This inbox was loaded from {location.host}, apart from the chat service
        at {new URL(service).host}.
      </p>
    );
  }
  return (
    <p class="hosted">
      This inbox was loaded from the chat service itself, so it trusts the
      service at load time: a service that turned hostile could change this
      page. Host inbox.html yourself to be independent of it. Your visitors are
      protected by the hash in your snippet either way.
    </p>
  );
}
